"""Where a paper, its arithmetic and the code in common use disagree, family by family.

Every number here is either printed in the paper named or computed by tests/nets/catalog/test_errata.py.
"""

ALEXNET = (
    "The paper's 224x224 input does not give conv1 the 55x55 maps it states: (224 - 11) / 4 + 1 = 54.25. "
    "The input is 227x227, or 224x224 padded by 2 on one side and 1 on the other.",
    "The paper counts 253,440 neurons for conv1, which is 55 x 48 x 96; its maps are 55 x 55 x 96 = "
    "290,400. With these the sum is 659,272, the '650,000 neurons' of the abstract.",
    "The response norm multiplies the sum over n maps by alpha in the paper, the mean in Caffe and torch: "
    "alpha 1e-4 of the paper is 5e-4 of torch's LocalResponseNorm, which is used here.",
    "Without the two towers (groups) the network has 62,378,344 parameters and 1.135 G multiply-adds.",
    "torchvision's alexnet is another network, of the 2014 paper 'One weird trick': 'alexnet-torchvision'.",
)
ALEXNET_TORCHVISION = (
    "This is not the 2012 network ('alexnet'): 64, 192, 384, 256, 256 maps, one tower, no response norm.",
    "The 2014 paper 'One weird trick' has 384 maps in conv4; torchvision has 256.",
)
ZFNET = (
    "Maps of 110x110, 55x55 and 13x13 from 224x224 need a padding of 1 in conv1, which the paper does not "
    "state, and pooling that keeps a last incomplete window, as Caffe's does and torch's by default does "
    "not.",
)
VGG = (
    "The 15.5 'GFLOPs' often quoted for VGG-16 are multiply-adds: 15,470,264,320. Counted apart, "
    "multiplications and additions are 30.9 G.",
    "Of the 138,357,544 parameters of VGG-16, 123,642,856 are in the three fully connected layers.",
)
VGG_BN = (
    "The paper has no batch norms; this is torchvision's variant. Its convolutions keep a useless bias.",
)
NIN = (
    "The paper prints no layer sizes; these are the authors' published Caffe model's. A ReLU follows the "
    "last layer too (equation 2), so that no logit is negative.",
)
GOOGLENET = (
    "Table 1 counts weights without biases in units of 1,024: its 112K for the second convolution are "
    "114,688.",
    "Table 1's operations agree with arithmetic except for conv1 (34M; exact 118.0 M) and 5a (54M; exact "
    "51.1 M).",
    "Table 1's parameters are over 1 % off its own layer sizes, in the same units, for conv1 (2.7K; exact "
    "9.2K), 4c (463K; 497.5K), 4d (580K; 590.5K), 5a (1072K; 1018K) and 5b (1388K; 1409K).",
    "7.0 M parameters without the two auxiliary heads, which only training uses; 13.4 M with them.",
    "torchvision's googlenet has 3x3 filters where the paper has 5x5: 'googlenet-torchvision', 6,624,904 "
    "parameters.",
)
GOOGLENET_TORCHVISION = (
    "This is not the paper's network ('googlenet'): 3x3 in place of 5x5 filters, batch norms in place of "
    "response norms, 2x2 in place of 3x3 in the last pooling, auxiliary heads that pool to 4x4 without the "
    "5x5 window.",
    "6.6 M parameters without the two auxiliary heads, which only training uses; 13.0 M with them.",
)
RESNET_V1 = (
    "The 3.8, 7.6 and 11.3 GFLOPs of the paper are multiply-adds, and of these strides: where a bottleneck "
    "halves the map, its first 1x1 does so. In torchvision, timm and most published weights the 3x3 does, "
    "at 4.09, 7.80 and 11.51 G with the same parameters: that network goes by the plain name.",
    "Weights trained for one form load into the other without an error, and give wrong answers.",
)
RESNET = (
    "This is 'v1.5': where a bottleneck halves the map, its 3x3 does so, as in torchvision, timm and most "
    "published weights. The paper's own network, in which the first 1x1 does, ends in '-v1'. The plain name "
    "has the form the world's weight files are for, since they load into the other without an error and "
    "give wrong answers.",
    "Multiply-adds are 4.09, 7.80 and 11.51 G for 50, 101 and 152 layers; the paper's 3.8, 7.6 and 11.3 G "
    "are v1's.",
)
RESNET_BASIC = (
    "The paper's Table 2 has 18 and 34 layers with padded shortcuts (option A: 11,515,688 and 21,623,848 "
    "parameters); its Table 3 compares A, B and C. Published weights have option B, as built here.",
)
RESNET_CIFAR = (
    "With 1x1 convolutions in the shortcuts (option B), as often coded, ResNet-20 has 272,474 parameters; "
    "the paper's padded shortcuts (option A) have none, and 269,722 in all.",
)
PRERESNET = (
    "The 10.2 M parameters usually quoted for 1,001 layers leave out the batch norms: 10,178,490 without, "
    "10,327,706 with them.",
)
WIDE_RESNET50 = ("The 3x3 convolutions stride ('v1.5'), as in torchvision and its published weights.",)
RESNEXT_CIFAR = (
    "The arXiv paper's CIFAR errors were measured with pre-activated blocks; the authors' code and README "
    "recommend the original order, which is built here. Parameters are the same to within the norms.",
)
SQUEEZENET = (
    "Version 1.1 is not in the paper but in the authors' repository; the paper's network (1.0) has "
    "1,248,424 parameters and 2.4 times the multiply-adds.",
)
MOBILENET_V2 = ("The paper says 3.4 M parameters; its table 2 adds up to 3,504,872.",)
